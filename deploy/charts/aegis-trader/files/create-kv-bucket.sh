# Creates the bucket, or applies changed settings to it. Repeated until NATS has executed it, at most for TIMEOUT_SECONDS: after an
# upgrade, a cluster needs some seconds to elect its leaders. Deletes nothing.
set -eu
deadline=$(($(date +%s) + TIMEOUT_SECONDS))
settings="--history=$HISTORY --ttl=${TTL_SECONDS}s --replicas=$REPLICAS"
while :; do
  # shellcheck disable=SC2086 # several options
  if output=$(nats kv info "$BUCKET" 2>&1); then
    if output=$(nats kv edit "$BUCKET" $settings 2>&1); then
      echo "the bucket $BUCKET exists; its settings are $settings"
      exit 0
    fi
  else
    case $output in
      *'bucket not found'*)
        if output=$(nats kv add "$BUCKET" --storage="$STORAGE" $settings 2>&1); then
          echo "created the bucket $BUCKET with --storage=$STORAGE $settings"
          exit 0
        fi
        ;;
    esac
  fi
  case $output in
    *err_code=10074* | *err_code=10052*)
      # Not supported in a configuration of this kind: a repetition does not help.
      echo "NATS does not accept $settings for the bucket $BUCKET: $output" >&2
      exit 1
      ;;
  esac
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "NATS has not created or changed the bucket $BUCKET within $TIMEOUT_SECONDS s: $output" >&2
    exit 1
  fi
  sleep 2
done
