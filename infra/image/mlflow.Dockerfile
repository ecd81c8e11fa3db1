# MLflow's server for the cluster. From the root of the repository:
#   docker build -f infra/image/mlflow.Dockerfile --build-arg COMMIT=$(git rev-parse HEAD) -t textgate/mlflow infra/image
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Without a pip of its own; pip compiles to bytecode what it installs.
RUN python3 -m venv --without-pip /opt/venv
COPY mlflow.lock ./
RUN python3 -m pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary :all: -r mlflow.lock
COPY mlflow_schema.py /opt/mlflow/
RUN /opt/venv/bin/python -m compileall -q /opt/mlflow

FROM ${BASE_IMAGE}
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="MLflow for textgate" \
      org.opencontainers.image.description="MLflow's tracking server with PostgreSQL, S3 and users" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}"
RUN useradd --uid 10001 --gid 0 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin mlflow
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/mlflow /opt/mlflow
ENV PATH=/opt/venv/bin:${PATH} \
    HOME=/tmp \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:0
EXPOSE 5000
