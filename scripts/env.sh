# Sourced by .ci/run and the scripts, from the root of the repository.
# One environment for every call of cargo: a difference in any of these builds the whole workspace once more.
export CARGO_INCREMENTAL=0
export CARGO_PROFILE_DEV_DEBUG=0
export CARGO_PROFILE_TEST_DEBUG=0
# Where the tests find the servers that they spawn; scripts/servers.sh fills it.
export PRESENCE_SERVERS="$PWD/.servers/bin"
# Most tests wait: for servers, for leases, for browsers.
export RUST_TEST_THREADS=8
