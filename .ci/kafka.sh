#!/usr/bin/env bash
# A real Apache Kafka for the tests: processes that are broker and controller in one, on loopback.
#
#   .ci/kafka.sh fetch                         the jars, from Maven Central by their coordinates, into the cache
#   .ci/kafka.sh start DIR [PORT]              prints the broker's address; data and logs live in DIR
#   .ci/kafka.sh start-cluster DIR N           N brokers in DIR/1, DIR/2, ..., each of which `stop` and `start` take too;
#                                              topics have min(N, 3) replicas, of which a majority must have a record
#   .ci/kafka.sh start-proxied DIR N           the same; clients that come in by a listener of their own are sent to ports at which
#                                              nobody listens, for proxies of the caller; prints a line a node: the port that clients
#                                              are sent to, and the port of the listener
#   .ci/kafka.sh start-secure DIR              a new broker, which has a second address, with TLS (its certificate is
#                                              DIR/ca.pem) and a password: user `gauge`, password `gauge-secret`; that user
#                                              may do what was granted; prints both addresses
#   .ci/kafka.sh grant DIR OPTIONS             lets user `gauge` do more, in the words of Kafka's own tool
#   .ci/kafka.sh topic DIR NAME PARTITIONS [OPTIONS]
#   .ci/kafka.sh load  ADDRESS NAME PARTITIONS    a new topic with the records on stdin, one a line; each partition
#                                              keeps their order
#   .ci/kafka.sh read  ADDRESS NAME            prints what is committed in a topic
#   .ci/kafka.sh stop  DIR                     ends the broker or the cluster that was started in DIR; its data stays
#
# Without PORT a broker takes the port that DIR had before, else a free one. It starts with what DIR holds.
set -euo pipefail

version=4.1.1
cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}/kafka-$version
start_timeout_s=60
stop_timeout_s=30
# Short-lived JVMs on few cores: the first compiler tier and one collector thread start fastest.
jvm=(java -Xms64m -Xmx320m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData)

say() { printf 'kafka: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# need COMMAND PACKAGE: the command, through apt where we may.
need() {
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die "'$1' is missing: install $2"; fi
  say "installing $2"
  apt-get -q update >/dev/null || say "apt-get update failed in part"
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$2" >/dev/null
}

write_pom() {
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>streamgauge</groupId>
  <artifactId>kafka</artifactId>
  <version>$version</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
POM
}

write_logging() {
  cat <<'XML'
<Configuration status="warn">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="${sys:streamgauge.log:-INFO}"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
XML
}

fetch() {
  [ -e "$cache/complete" ] && return
  need java openjdk-17-jre-headless
  need mvn maven
  say "fetching Apache Kafka $version"
  local work
  mkdir -p "$(dirname "$cache")"
  work=$(mktemp -d "$cache.XXXXXX")
  write_pom >"$work/pom.xml"
  write_logging >"$work/log4j2.xml"
  local try
  for try in 1 2 3; do
    mvn -B -q -Dstyle.color=never -f "$work/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
      -DoutputDirectory="$work/libs" >&2 && break
    [ "$try" -lt 3 ] || { rm -rf "$work"; die "Maven could not fetch Apache Kafka $version"; }
    say "trying again"
    sleep $((try * 5))
  done
  touch "$work/complete"
  # Whoever comes second finds the first one's folder: both are the same.
  mv -T "$work" "$cache" 2>/dev/null || rm -rf "$work"
  [ -e "$cache/complete" ] || die "'$cache' is in the way and not complete: remove it"
}

# java_main CLASS ARGUMENTS...: a quiet command-line tool of Kafka's.
java_main() {
  local class=$1
  shift
  "${jvm[@]}" -cp "$cache/libs/*" -Dlog4j2.configurationFile="file:$cache/log4j2.xml" -Dstreamgauge.log="${log:-WARN}" "$class" "$@"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range that the kernel hands out to clients, so that no outgoing connection takes it meanwhile.
free_port() {
  local port
  while port=$((20000 + (RANDOM * 32768 + RANDOM) % 10000)); listening "$port"; do :; done
  echo "$port"
}

# property DIR NAME: what the broker's configuration says.
property() { sed -n "s/^$2=//p" "$1/server.properties"; }

# address DIR [LISTENER]
address() { property "$1" advertised.listeners | sed "s|.*${2:-BROKER}://||; s|,.*||"; }

port_before() { [ ! -e "$1/server.properties" ] || address "$1" | sed 's/.*://'; }

# configure DIR NODE BROKER_PORT CONTROLLER_PORT VOTERS REPLICAS: one node of a quorum.
configure() {
  cat >"$1/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$5
listeners=BROKER://127.0.0.1:$3,CONTROLLER://127.0.0.1:$4
advertised.listeners=BROKER://127.0.0.1:$3
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs=$1/data
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=2097152
log.index.size.max.bytes=1048576
# Examples carry the times of their events: nothing may be too old to keep.
log.retention.ms=-1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=1000
default.replication.factor=$6
min.insync.replicas=$(($6 / 2 + 1))
offsets.topic.num.partitions=1
offsets.topic.replication.factor=$6
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=$6
transaction.state.log.min.isr=$(($6 / 2 + 1))
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$6
share.coordinator.state.topic.min.isr=$(($6 / 2 + 1))
# A broker that was killed is missed soon.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
PROPERTIES
}

# secure DIR: gives the configured broker a second listener, with TLS, passwords and permissions.
secure() {
  local port
  port=$(free_port)
  keytool -genkeypair -alias broker -keyalg EC -dname CN=localhost -ext san=dns:localhost -validity 3650 \
    -keystore "$1/keystore.p12" -storetype PKCS12 -storepass streamgauge >&2
  keytool -exportcert -rfc -alias broker -keystore "$1/keystore.p12" -storepass streamgauge >"$1/ca.pem" 2>/dev/null
  sed -i "s|^listeners=.*|&,SECURE://127.0.0.1:$port|; s|^advertised.listeners=.*|&,SECURE://localhost:$port|
    s|^listener.security.protocol.map=.*|&,SECURE:SASL_SSL|" "$1/server.properties"
  cat >>"$1/server.properties" <<PROPERTIES
ssl.keystore.type=PKCS12
ssl.keystore.location=$1/keystore.p12
ssl.keystore.password=streamgauge
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
PROPERTIES
}

# The broker's pid if it runs; a pid that another program has taken since does not count.
running_pid() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 1
  { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF "$1/server.properties" || return 1
  echo "$pid"
}

# spawn DIR [OPTIONS]: the configured node; if it is new, formatted with these options.
spawn() {
  [ -e "$1/data/meta.properties" ] \
    || java_main kafka.tools.StorageTool format -t c3RyZWFtZ2F1Z2UtdGVzdA -c "$1/server.properties" "${@:2}" >"$1/format.log" 2>&1 \
    || { cat "$1/format.log" >&2; die "cannot format '$1/data'"; }
  : >"$1/broker.log" # what an earlier start wrote must not pass for this one's
  setsid "${jvm[@]}" -cp "$cache/libs/*" -Dlog4j2.configurationFile="file:$cache/log4j2.xml" \
    kafka.Kafka "$1/server.properties" >"$1/broker.log" 2>&1 </dev/null &
  echo $! >"$1/pid"
}

# await DIR: until the node that was spawned is ready; its address.
await() {
  local deadline=$((SECONDS + start_timeout_s))
  until grep -q 'Kafka Server started' "$1/broker.log"; do
    kill -0 "$(cat "$1/pid")" 2>/dev/null || { tail -20 "$1/broker.log" >&2; die "the broker ended: $1/broker.log"; }
    [ $SECONDS -lt $deadline ] || { stop "$1"; die "the broker was not ready after $start_timeout_s s: $1/broker.log"; }
    sleep 0.2
  done
  say "Apache Kafka $version, pid $(cat "$1/pid"), data in $1"
  address "$1"
}

start() {
  local dir port controller_port
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  if running_pid "$dir" >/dev/null; then address "$dir"; return; fi
  fetch
  need java openjdk-17-jre-headless
  if [ ! -e "$dir/../nodes" ]; then # one of a cluster stays as it is
    port=${2:-$(port_before "$dir")}
    port=${port:-$(free_port)}
    controller_port=$(free_port)
    configure "$dir" 1 "$port" "$controller_port" "1@127.0.0.1:$controller_port" 1
  fi
  spawn "$dir"
  await "$dir"
}

start_secure() {
  local dir port
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  [ ! -e "$dir/server.properties" ] || die "'$dir' has a broker: start that one"
  fetch
  need java openjdk-17-jre-headless
  port=$(free_port)
  configure "$dir" 1 "$(free_port)" "$port" "1@127.0.0.1:$port" 1
  secure "$dir"
  spawn "$dir" --add-scram 'SCRAM-SHA-512=[name=gauge,password=gauge-secret]'
  printf '%s %s\n' "$(await "$dir")" "$(address "$dir" SECURE)"
}

grant() {
  java_main org.apache.kafka.tools.AclCommand --bootstrap-server "$(address "$1")" --add --allow-principal User:gauge "${@:2}" >/dev/null
}

# proxied DIR: gives the configured node a second listener, whose clients are sent to another port.
proxied() {
  local port advertised
  port=$(free_port)
  advertised=$(free_port)
  sed -i "s|^listeners=.*|&,CLIENT://127.0.0.1:$port|; s|^advertised.listeners=.*|&,CLIENT://127.0.0.1:$advertised|
    s|^listener.security.protocol.map=.*|&,CLIENT:PLAINTEXT|" "$1/server.properties"
  echo "$advertised $port" >"$1/proxied"
}

# start_cluster DIR N [proxied]
start_cluster() {
  local dir node port voters='' controllers=()
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  [ ! -e "$dir/nodes" ] || die "'$dir' has a cluster: start its nodes"
  fetch
  need java openjdk-17-jre-headless
  for ((node = 1; node <= $2; node++)); do
    port=$(free_port)
    controllers[node]=$port
    voters+=${voters:+,}$node@127.0.0.1:$port
  done
  echo "$2" >"$dir/nodes"
  for ((node = 1; node <= $2; node++)); do
    mkdir -p "$dir/$node"
    configure "$dir/$node" "$node" "$(free_port)" "${controllers[node]}" "$voters" $(($2 < 3 ? $2 : 3))
    [ -z "${3:-}" ] || proxied "$dir/$node"
    spawn "$dir/$node"
  done
  for ((node = 1; node <= $2; node++)); do await "$dir/$node"; done | paste -sd, || { stop "$dir"; exit 1; }
  [ -z "${3:-}" ] || cat "$dir"/*/proxied
}

stop() {
  local dir node pid
  dir=$(cd "$1" 2>/dev/null && pwd) || return 0
  if [ -e "$dir/nodes" ]; then
    for node in $(seq "$(cat "$dir/nodes")"); do stop "$dir/$node" & done
    wait
    return
  fi
  pid=$(running_pid "$dir") || { rm -f "$dir/pid"; return 0; }
  kill "$pid"
  local deadline=$((SECONDS + stop_timeout_s))
  while kill -0 "$pid" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || { say "broker $pid does not end, killing it"; kill -9 "$pid"; break; }
    sleep 0.1
  done
  rm -f "$dir/pid"
}

# create ADDRESS NAME PARTITIONS OPTIONS...
create() {
  java_main org.apache.kafka.tools.TopicCommand --bootstrap-server "$1" --create --topic "$2" --partitions "$3" \
    "${@:4}" >/dev/null
}

topic() {
  local dir
  dir=$(cd "$1" && pwd)
  running_pid "$dir" >/dev/null || die "no broker runs in '$dir'"
  create "$(address "$dir")" "$2" "$3" --if-not-exists "${@:4}"
}

# A record's key is its line, so the partitioner spreads them evenly and the same way each time.
load() {
  create "$@"
  awk '{ print NR "\t" $0 }' | java_main org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$1" --topic "$2" \
    --property parse.key=true
}

# Ends when nothing has come for three seconds; it would call that an error, on the same stream.
read_topic() {
  log=OFF java_main org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$1" --topic "$2" --from-beginning \
    --isolation-level read_committed --timeout-ms 3000 2>/dev/null
}

usage() { sed -n '2,21s/^# \{0,1\}//p' "$0" >&2; exit 2; }

case "${1:-}:$#" in
  fetch:1) fetch ;;
  start:2 | start:3) shift; start "$@" ;;
  stop:2) stop "$2" ;;
  start-secure:2) start_secure "$2" ;;
  grant:?*) [ $# -ge 3 ] || usage; shift; grant "$@" ;;
  start-cluster:3) shift; start_cluster "$@" ;;
  start-proxied:3) start_cluster "$2" "$3" proxied ;;
  topic:?*) [ $# -ge 4 ] || usage; shift; topic "$@" ;;
  load:4) shift; load "$@" ;;
  read:3) read_topic "$2" "$3" ;;
  *) usage ;;
esac
