# Sends SIGHUP to nats-server when a mounted file has changed. The kubelet updates the files up to a minute after the object.
checksum() { cat /etc/nats-config/* /etc/nats-auth/* /etc/nats-certs/*/* 2>/dev/null | md5sum; }
trap 'exit 0' TERM INT
loaded=$(checksum)
while :; do
  sleep 5 &
  wait $!
  current=$(checksum)
  if [ "$current" != "$loaded" ] && kill -HUP "$(cat /var/run/nats/nats.pid)"; then
    loaded=$current
    echo 'the configuration has changed: sent SIGHUP to nats-server, whose log has the result'
  fi
done
