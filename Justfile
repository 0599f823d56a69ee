# Every command of the project. `just` alone lists them; each line says what it does.

_default:
    @just --list --unsorted

# Show a trading day travel, and a job that starts on request; needs nothing but Rust
demo *arguments:
    cargo demo {{ if arguments == "" { "" } else { "-- " + arguments } }}

# Run every check and test, or one step; scripts/test.sh lists them
test *steps:
    scripts/test.sh {{ steps }}

# Format everything
format:
    cargo fmt --all
    npm --prefix deploy/worker run format

# Build a program as one static file: just build trades-sync
build program="trades-sync":
    @ls -l "$(scripts/build-static.sh {{ program }})"

# Write all images as OCI and Docker archives, without Docker or root, and print their sizes
images:
    scripts/images.sh

# Write one image: just image curl-trigger
image name:
    scripts/images.sh {{ name }}

# Build one image with Docker instead, which tags it with the commit: just docker-image trigger-api
docker-image name:
    docker build --file deploy/images/Dockerfile --platform linux/amd64 --tag "{{ name }}:$(scripts/images.sh --tag)" \
        $(scripts/images.sh --build-args {{ name }}) .

# Check how images are made, without building the programs
check-images:
    scripts/check-images.sh

# Run the receiving Worker on this machine, with D1 beside it; prints addresses and tokens
worker-local: _worker-packages
    npm --prefix deploy/worker run harness

# Measure trades-sync against psql and curl, and D1's batch against single statements
bench-sync: _worker-packages (build "trades-sync")
    TRADES_SYNC="$(scripts/build-static.sh trades-sync)" cargo bench --locked --profile dev --package trades-sync --bench sync
    npm --prefix deploy/worker run bench

# Measure trigger-api against bare create-Job calls, on the cluster of KUBECONFIG or one of scripts/cluster.sh
bench-api: (build "trigger-api")
    TRIGGER_API="$(scripts/build-static.sh trigger-api)" cargo bench --locked --profile dev --package trigger-api --bench api

# Measure the portfolio analysis against psql with its bare SQL, its trigger under load, and memory over 1,000 runs
bench-tasks: (build "trigger-api")
    TRIGGER_API="$(scripts/build-static.sh trigger-api)" cargo bench --locked --profile dev --package trigger-api --bench tasks

# Measure curl-trigger against the distribution's curl: size, time, memory, system calls
bench-trigger runs="300":
    scripts/bench-curl-trigger.py --runs {{ runs }}

# Feed mutated input to everything in curl-trigger that reads what others send
fuzz-trigger seconds="600" seed="1":
    cargo run --quiet --profile fuzz --package curl-trigger --example fuzz -- {{ seconds }} {{ seed }}

# Write deploy/manifests from the charts; with --check, say whether they are up to date
render *args:
    scripts/render-manifests.sh {{ args }}

# Check the charts: linters, bad values, NetworkPolicies, and releases on a real API server
check-charts:
    scripts/check-charts.sh

# Bring up a real Kubernetes cluster on this machine: with a node as root, or just cluster-up --control-plane
cluster-up *args:
    scripts/cluster.sh up {{ args }}

# Take the cluster down, whatever state it is in
cluster-down:
    scripts/cluster.sh down

# Show what of the cluster runs, and whether it is healthy
cluster-status:
    scripts/cluster.sh status

_worker-packages:
    @test -e deploy/worker/node_modules || npm --prefix deploy/worker ci --no-audit --no-fund
