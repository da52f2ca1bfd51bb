# Sourced by .ci/run and the scripts, from the root of the repository. All calls of cargo share this
# environment, because a change of one of these variables rebuilds the whole workspace.
export CARGO_INCREMENTAL=0
export CARGO_PROFILE_DEV_DEBUG=0
export CARGO_PROFILE_TEST_DEBUG=0
# The folder of the servers that tests spawn; filled by scripts/servers.sh.
export PRESENCE_SERVERS="$PWD/.servers/bin"
# More threads than cores, because most tests wait for servers, leases or browsers.
export RUST_TEST_THREADS=8
