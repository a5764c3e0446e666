#!/bin/bash
# Makes the topics of compose.yaml, then sends an event of a random model every 50 ms.
set -euo pipefail
brokers=$1
bin=${KAFKA_BIN:-/opt/kafka/bin}

for topic in llm_metrics slow_models; do
  "$bin/kafka-topics.sh" --bootstrap-server "$brokers" --create --if-not-exists --topic "$topic" --partitions 4
done

models=(small-8b medium-70b large-400b)
while :; do
  at=$((RANDOM % 3))
  status=$((RANDOM % 50 == 0 ? 500 : 200))
  # The larger a model, the slower.
  printf '{"model_name":"%s","timestamp":"%s","latency_ms":%d.0,"status":%d}\n' \
    "${models[at]}" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" $(((at + 1) * (150 + RANDOM % 400))) "$status"
  sleep 0.05
done | "$bin/kafka-console-producer.sh" --bootstrap-server "$brokers" --topic llm_metrics
