#!/usr/bin/env bash
# A real Apache Kafka for the tests: one process, broker and controller in one, on loopback.
#
#   .ci/kafka.sh fetch                         the jars, from Maven Central by their coordinates, into the cache
#   .ci/kafka.sh start DIR [PORT]              prints the broker's address; data and logs live in DIR
#   .ci/kafka.sh topic DIR NAME PARTITIONS
#   .ci/kafka.sh load  ADDRESS NAME PARTITIONS    a new topic with the records on stdin, one a line; each partition
#                                              keeps their order
#   .ci/kafka.sh stop  DIR                     ends the broker that `start DIR` started; its data stays
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
  "${jvm[@]}" -cp "$cache/libs/*" -Dlog4j2.configurationFile="file:$cache/log4j2.xml" -Dstreamgauge.log=WARN "$class" "$@"
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

address() { property "$1" advertised.listeners | sed 's|.*BROKER://||'; }

port_before() { [ ! -e "$1/server.properties" ] || address "$1" | sed 's/.*://'; }

# configure DIR NODE BROKER_PORT CONTROLLER_PORT: one node that is its own quorum.
configure() {
  cat >"$1/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$2@127.0.0.1:$4
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
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
PROPERTIES
}

# The broker's pid if it runs; a pid that another program has taken since does not count.
running_pid() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$1/server.properties" || return 1
  echo "$pid"
}

start() {
  local dir port controller_port
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  if running_pid "$dir" >/dev/null; then address "$dir"; return; fi
  fetch
  need java openjdk-17-jre-headless
  port=${2:-$(port_before "$dir")}
  port=${port:-$(free_port)}
  controller_port=$(free_port)
  configure "$dir" 1 "$port" "$controller_port"
  [ -e "$dir/data/meta.properties" ] \
    || java_main kafka.tools.StorageTool format -t c3RyZWFtZ2F1Z2UtdGVzdA -c "$dir/server.properties" >"$dir/format.log" 2>&1 \
    || { cat "$dir/format.log" >&2; die "cannot format '$dir/data'"; }
  : >"$dir/broker.log" # what an earlier start wrote must not pass for this one's
  setsid "${jvm[@]}" -cp "$cache/libs/*" -Dlog4j2.configurationFile="file:$cache/log4j2.xml" \
    kafka.Kafka "$dir/server.properties" >"$dir/broker.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  local deadline=$((SECONDS + start_timeout_s))
  until grep -q 'Kafka Server started' "$dir/broker.log"; do
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || { tail -20 "$dir/broker.log" >&2; die "the broker ended: $dir/broker.log"; }
    [ $SECONDS -lt $deadline ] || { stop "$dir"; die "the broker was not ready after $start_timeout_s s: $dir/broker.log"; }
    sleep 0.2
  done
  say "Apache Kafka $version, pid $(cat "$dir/pid"), data in $dir"
  address "$dir"
}

stop() {
  local dir pid
  dir=$(cd "$1" 2>/dev/null && pwd) || return 0
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
    --replication-factor 1 "${@:4}" >/dev/null
}

topic() {
  local dir
  dir=$(cd "$1" && pwd)
  running_pid "$dir" >/dev/null || die "no broker runs in '$dir'"
  create "$(address "$dir")" "$2" "$3" --if-not-exists
}

# A record's key is its line, so the partitioner spreads them evenly and the same way each time.
load() {
  create "$@"
  awk '{ print NR "\t" $0 }' | java_main org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$1" --topic "$2" \
    --property parse.key=true
}

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }

case "${1:-}:$#" in
  fetch:1) fetch ;;
  start:2 | start:3) shift; start "$@" ;;
  stop:2) stop "$2" ;;
  topic:4) shift; topic "$@" ;;
  load:4) shift; load "$@" ;;
  *) usage ;;
esac
