# Every command of the project. `just` alone lists them; each line says what it does.
# Where a release stands is said by variables: just ENV=prod deploy, just NAMESPACE=mine status.

# So that arguments with spaces stay one.
set positional-arguments

# dev or prod: the chart's values-ENV.yaml
export ENV := env("ENV", "dev")
# trading-dev for dev, trading for prod
export NAMESPACE := env("NAMESPACE", "")
# tradeops
export RELEASE := env("RELEASE", "")

_default:
    @just --list --unsorted

# Show a trading day travel, and a job that starts on request; needs nothing but Rust
[group('develop')]
demo *arguments:
    cargo demo {{ if arguments == "" { "" } else { "-- " + arguments } }}

# Run every check and test, or one step; scripts/test.sh lists them
[group('develop')]
test *steps:
    scripts/test.sh {{ steps }}

# Format everything
[group('develop')]
format:
    cargo fmt --all
    npm --prefix deploy/worker run format

# Build a program as one static file: just build trades-sync
[group('develop')]
build program="trades-sync":
    @ls -l "$(scripts/build-static.sh {{ program }})"

# Write all images as OCI and Docker archives, without Docker or root, and print their sizes
[group('develop')]
images:
    scripts/images.sh

# Write one image: just image curl-trigger
[group('develop')]
image name:
    scripts/images.sh {{ name }}

# Build one image with Docker instead, which tags it with the commit: just docker-image trigger-api
[group('develop')]
docker-image name:
    docker build --file deploy/images/Dockerfile --platform linux/amd64 --tag "{{ name }}:$(scripts/images.sh --tag)" \
        $(scripts/images.sh --build-args {{ name }}) .

# Check how images are made, without building the programs
[group('develop')]
check-images:
    scripts/check-images.sh

# Run the receiving Worker on this machine, with D1 beside it; prints addresses and tokens
[group('develop')]
worker-local: _worker-packages
    npm --prefix deploy/worker run harness

# Measure trades-sync against psql and curl, and D1's batch against single statements
[group('measure')]
bench-sync: _worker-packages (build "trades-sync")
    TRADES_SYNC="$(scripts/build-static.sh trades-sync)" cargo bench --locked --profile dev --package trades-sync --bench sync
    npm --prefix deploy/worker run bench

# Measure trigger-api against bare create-Job calls, on the cluster of KUBECONFIG or one of scripts/cluster.sh
[group('measure')]
bench-api: (build "trigger-api")
    TRIGGER_API="$(scripts/build-static.sh trigger-api)" cargo bench --locked --profile dev --package trigger-api --bench api

# Measure the portfolio analysis against psql with its bare SQL, its trigger under load, and memory over 1,000 runs
[group('measure')]
bench-tasks: (build "trigger-api")
    TRIGGER_API="$(scripts/build-static.sh trigger-api)" cargo bench --locked --profile dev --package trigger-api --bench tasks

# Measure curl-trigger against the distribution's curl: size, time, memory, system calls
[group('measure')]
bench-trigger runs="300":
    scripts/bench-curl-trigger.py --runs {{ runs }}

# Feed mutated input to everything in curl-trigger that reads what others send
[group('develop')]
fuzz-trigger seconds="600" seed="1":
    cargo run --quiet --profile fuzz --package curl-trigger --example fuzz -- {{ seconds }} {{ seed }}

# Write deploy/manifests from the charts; with --check, say whether they are up to date
[group('develop')]
render *args:
    scripts/render-manifests.sh {{ args }}

# Check the charts: linters, bad values, NetworkPolicies, and releases on a real API server
[group('develop')]
check-charts:
    scripts/check-charts.sh

# Bring up a real Kubernetes cluster on this machine: with a node as root, or just cluster-up --control-plane
[group('clusters')]
cluster-up *args:
    scripts/cluster.sh up {{ args }}

# Take the cluster down, whatever state it is in
[group('clusters')]
cluster-down:
    scripts/cluster.sh down

# Show what of the cluster runs, and whether it is healthy
[group('clusters')]
cluster-status:
    scripts/cluster.sh status

# Bring up a cluster in Docker with kind
[group('clusters')]
kind-up:
    scripts/kind.sh up

# Take the cluster in Docker down
[group('clusters')]
kind-down:
    scripts/kind.sh down

# Say what is missing on this machine, in the cluster and for the release, and what to do about it
[group('deploy')]
doctor:
    scripts/doctor.sh

# Install or upgrade the release to this commit, wait for its pods, and say what to type next; options are Helm's
[group('deploy')]
deploy *options:
    scripts/deploy.sh deploy "$@"

# Bring the release to this commit with the settings that it has
[group('deploy')]
update *options:
    scripts/deploy.sh update "$@"

# Show the release's revisions
[group('deploy')]
history:
    scripts/deploy.sh history

# Go back to the revision before, or to the one that is named
[group('deploy')]
rollback *revision:
    scripts/deploy.sh rollback "$@"

# Take the release away; Secrets that others made stay
[group('deploy')]
undeploy:
    scripts/deploy.sh undeploy

# Show what stands where, what is wrong with it, and what to type next
[group('operate')]
status:
    scripts/operate.sh status

# Start a run of a target, or of the default one: just trigger trades-sync-postmarket
[group('operate')]
trigger *target:
    scripts/operate.sh trigger "$@"

# Analyse the portfolio of a day, or of the newest, and print the totals: just analyse 2026-02-11
[group('operate')]
analyse *date:
    scripts/operate.sh analyse "$@"

# List the newest runs, scheduled and manual alike, of all targets or of one
[group('operate')]
runs *target:
    scripts/operate.sh runs "$@"

# Follow the log of a run to its end; without one, show that of trigger-api
[group('operate')]
logs *run:
    scripts/operate.sh logs "$@"

# Forward localhost:8000 (or PORT) to trigger-api: just port-forward start, stop or status
[group('operate')]
port-forward action="status":
    scripts/operate.sh port-forward "$@"

# End trigger-api and suspend all schedules; runs that go on go on
[group('operate')]
stop:
    scripts/operate.sh stop

# Start again what was stopped, as it was
[group('operate')]
start:
    scripts/operate.sh start

# Replace the pods of trigger-api, such as after a change of a database's URL
[group('operate')]
restart:
    scripts/operate.sh restart

_worker-packages:
    @test -e deploy/worker/node_modules || npm --prefix deploy/worker ci --no-audit --no-fund
