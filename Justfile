# The project's commands; `just` lists them. Variables select the release: just ENV=prod deploy, just RELEASE=aegis-trader status.

# Keeps arguments that contain spaces.
set positional-arguments

# dev or prod: the chart's values-ENV.yaml
export ENV := env("ENV", "dev")
# trading-dev for dev, trading for prod; of the release aegis-trader: aegis-trader
export NAMESPACE := env("NAMESPACE", "")
# tradeops (the default) or aegis-trader, or the name of another installed release
export RELEASE := env("RELEASE", "")
# tradeops or aegis-trader, to install a release of another name
export CHART := env("CHART", "")

_default:
    @just --list --unsorted

# Run the platform on this machine, for a demonstration; needs only Rust
[group('develop')]
demo *arguments:
    cargo demo {{ if arguments == "" { "" } else { "-- " + arguments } }}

# Run every check and test, or some steps; scripts/test.sh lists the steps
[group('develop')]
test *steps:
    scripts/test.sh {{ steps }}

# Format the Rust and TypeScript sources
[group('develop')]
format: _worker-packages
    cargo fmt --all
    npm --prefix deploy/worker run format

# Install a git hook that checks format and lint before each push
[group('develop')]
hooks:
    printf '#!/bin/sh\nexec scripts/test.sh format lint\n' >"$(git rev-parse --git-path hooks)/pre-push"
    chmod +x "$(git rev-parse --git-path hooks)/pre-push"

# Build a program as one static file: just build trades-sync
[group('develop')]
build program="trades-sync":
    @ls -l "$(scripts/build-static.sh {{ program }})"

# Build all images as OCI and Docker archives, without Docker or root, and print their sizes
[group('develop')]
images:
    scripts/images.sh

# Build one image: just image curl-trigger
[group('develop')]
image name:
    scripts/images.sh {{ name }}

# Build one image with Docker, tagged with the commit: just docker-image trigger-api
[group('develop')]
docker-image name:
    docker build --file deploy/images/Dockerfile --platform linux/amd64 --tag "{{ name }}:$(scripts/images.sh --tag)" \
        $(scripts/images.sh --build-args {{ name }}) .

# Test the scripts that build images, without building the programs
[group('develop')]
check-images:
    scripts/check-images.sh

# Run the receiving Worker with its D1 on this machine; prints addresses and tokens
[group('develop')]
worker-local: _worker-packages
    npm --prefix deploy/worker run harness

# Compare trades-sync with psql and curl, and a batch of D1 with single statements
[group('measure')]
bench-sync: _worker-packages (build "trades-sync")
    TRADES_SYNC="$(scripts/build-static.sh trades-sync)" cargo bench --locked --profile dev --package trades-sync --bench sync
    npm --prefix deploy/worker run bench

# Compare trigger-api with direct requests to the API server, on the cluster of KUBECONFIG or of scripts/cluster.sh
[group('measure')]
bench-api: (build "trigger-api")
    TRIGGER_API="$(scripts/build-static.sh trigger-api)" cargo bench --locked --profile dev --package trigger-api --bench api

# Compare monitor-api with reading each key from NATS; measure memory, events, and a minute of heartbeats
[group('measure')]
bench-monitor: (build "monitor-api")
    MONITOR_API="$(scripts/build-static.sh monitor-api)" cargo bench --locked --profile dev --package monitor-api --bench monitor

# Compare the portfolio analysis with its SQL in psql; measure its trigger under load, and memory over 1,000 runs
[group('measure')]
bench-tasks: (build "trigger-api-local")
    TRIGGER_API="$(scripts/build-static.sh trigger-api-local)" cargo bench --locked --profile dev --package trigger-api --bench tasks

# Run trigger-api in 64 MiB with hostile clients, and measure other callers
[group('measure')]
soak seconds="600" memory="64Mi": (build "trigger-api-local")
    scripts/soak.py "$(scripts/build-static.sh trigger-api-local)" --seconds {{ seconds }} --memory {{ memory }}

# Compare curl-trigger with Debian's curl: size, time, memory, system calls
[group('measure')]
bench-trigger runs="300":
    scripts/bench-curl-trigger.py --runs {{ runs }}

# Fuzz the parsers of curl-trigger
[group('develop')]
fuzz-trigger seconds="600" seed="1":
    cargo run --quiet --profile fuzz --package curl-trigger --example fuzz -- {{ seconds }} {{ seed }}

# Render deploy/manifests from the charts; with --check, only compare them
[group('develop')]
render *args:
    scripts/render-manifests.sh {{ args }}

# Check the charts: linters, bad values, NetworkPolicies, and releases on a real API server
[group('develop')]
check-charts:
    scripts/check-charts.sh

# Check the recipes of the groups deploy and operate on a real API server
[group('develop')]
check-recipes:
    scripts/check-recipes.sh

# Create a real Kubernetes cluster on this machine: with a node as root, or just cluster-up --control-plane
[group('clusters')]
cluster-up *args:
    scripts/cluster.sh up {{ args }}

# Delete the cluster, in whatever state it is
[group('clusters')]
cluster-down:
    scripts/cluster.sh down

# Show the cluster's components and their health
[group('clusters')]
cluster-status:
    scripts/cluster.sh status

# Create a cluster in Docker with kind
[group('clusters')]
kind-up:
    scripts/kind.sh up

# Delete the cluster in Docker
[group('clusters')]
kind-down:
    scripts/kind.sh down

# Check this machine, the cluster, your rights, the release and its Secrets, with the fixes: just doctor --connect
[group('deploy')]
[no-exit-message]
doctor *options:
    @scripts/tradeops.sh doctor --machine "$@"

# Install or upgrade the release to this commit with these Helm options only, and wait for its pods: just deploy --values mine.yaml
[group('deploy')]
[no-exit-message]
deploy *options:
    @scripts/deploy.sh deploy "$@"

# Upgrade the release to this commit, and keep the settings of earlier deploys
[group('deploy')]
[no-exit-message]
update *options:
    @scripts/deploy.sh update "$@"

# Upgrade only monitor-api of the release aegis-trader to this commit; NATS is not restarted
[group('deploy')]
[no-exit-message]
update-api *options:
    @scripts/deploy.sh update-api "$@"

# Deploy an image of the console of the release aegis-trader: just update-ui registry.example.com/monitor-ui:1.0.0
[group('deploy')]
[no-exit-message]
update-ui *image:
    @scripts/deploy.sh update-ui "$@"

# Show the release's revisions
[group('deploy')]
[no-exit-message]
history:
    @scripts/deploy.sh history

# Return to the previous revision, or to the named one
[group('deploy')]
[no-exit-message]
rollback *revision:
    @scripts/deploy.sh rollback "$@"

# Remove the release; Secrets that `just deploy` did not create are kept, and the volumes of NATS
[group('deploy')]
[no-exit-message]
undeploy:
    @scripts/deploy.sh undeploy

# Show the release, its targets, runs and problems, and the next commands
[group('operate')]
[no-exit-message]
status:
    @scripts/tradeops.sh status

# List the targets, or show one with its parameters
[group('operate')]
[no-exit-message]
targets *target:
    @scripts/tradeops.sh targets "$@"

# Start a run of a target, or of the default target: just trigger trades-sync-postmarket SYNC_DATE=2026-02-10 --wait
[group('operate')]
[no-exit-message]
trigger *target_and_parameters:
    @scripts/tradeops.sh trigger "$@"

# Start the target of a run again, with the run's parameters
[group('operate')]
[no-exit-message]
retry run *options:
    @scripts/tradeops.sh retry "$@"

# Cancel a run: its pods and its Job are deleted
[group('operate')]
[no-exit-message]
cancel run *options:
    @scripts/tradeops.sh cancel "$@"

# Analyze the portfolio of a day, or of the newest day, and print the totals: just analyse 2026-02-11
[group('operate')]
[no-exit-message]
analyse *date:
    @scripts/tradeops.sh analyse "$@"

# List runs, scheduled and manual, newest first: just runs trades-sync-midday --state failed --since 7d
[group('operate')]
[no-exit-message]
runs *conditions:
    @scripts/tradeops.sh runs "$@"

# Show a run
[group('operate')]
[no-exit-message]
run run:
    @scripts/tradeops.sh run "$@"

# Print the log of a run; with -f, follow it to its end. Without a run, that of trigger-api. In aegis-trader: just logs nats
[group('operate')]
[no-exit-message]
logs *run:
    @scripts/tradeops.sh logs "$@"

# Show who you are for trigger-api, and what you may do
[group('operate')]
[no-exit-message]
whoami:
    @scripts/tradeops.sh whoami

# Forward localhost:8000 to trigger-api, or 8100, 4222 and 3100 to aegis-trader, until Ctrl-C
[group('operate')]
[no-exit-message]
port-forward *options:
    @scripts/tradeops.sh port-forward "$@"

# List the services, instances and definitions of the registry, with ages, and the settings of its bucket
[group('operate')]
[no-exit-message]
registry-status:
    @scripts/registry.sh registry-status

# Run nats in the release aegis-trader: just nats-cli stream list
[group('operate')]
[no-exit-message]
nats-cli *arguments:
    @scripts/registry.sh nats-cli "$@"

# Stop the pods of the release and suspend its schedules; runs in progress continue, and volumes are kept
[group('operate')]
[no-exit-message]
stop:
    @scripts/tradeops.sh stop

# Restore what was stopped
[group('operate')]
[no-exit-message]
start:
    @scripts/tradeops.sh start

# Replace the pods of the release one by one, for example after a database URL has changed
[group('operate')]
[no-exit-message]
restart:
    @scripts/tradeops.sh restart

_worker-packages:
    @test -e deploy/worker/node_modules || npm --prefix deploy/worker ci --no-audit --no-fund
