#!/bin/sh
# Installs TARGET.lock into /opt/venv while an image is built, and PACKAGE of nodeps.lock: install.sh TARGET [PACKAGE].
# By hash and with bytecode; a package that comes as source is built by what the lock names. In one step, so that
# nothing stays of the tools: the installer, its cache (beside the packages, which are linked to it), the base's pip.
set -eu
cd "$(dirname "$0")"
target=$1 package=${2:-}
python3 -m venv /opt/tools
/opt/tools/bin/python -m pip install -q --disable-pip-version-check --no-cache-dir --require-hashes --no-deps -r build.lock
python3 -m venv --without-pip /opt/venv
set -- -r "$target.lock"
if [ -n "$package" ]; then  # its line, and the lines of hashes that continue it
    sed -n "/^$package==/,/[^\\\\]\$/p" nodeps.lock > /opt/tools/package.lock
    test -s /opt/tools/package.lock
    set -- "$@" -r /opt/tools/package.lock
fi
/opt/tools/bin/uv pip install -q --python /opt/venv/bin/python --no-python-downloads --cache-dir /opt/cache \
    --link-mode hardlink --compile-bytecode --require-hashes --no-deps --build-constraints "$target.lock" "$@"
rm -rf /opt/tools /opt/cache /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip* \
    /usr/local/lib/python3.*/ensurepip /usr/lib/python3.*/ensurepip /usr/share/python-wheels
