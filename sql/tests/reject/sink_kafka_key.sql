CREATE SOURCE s (model TEXT, x DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 'e.jsonl');
CREATE SINK misspelled WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', key = 'modle');
INSERT INTO misspelled SELECT model, x FROM s;
CREATE SINK quoted WITH (connector = 'kafka', brokers = 'b:9092', topic = 't',
  key = 'x, "Model"');
INSERT INTO quoted SELECT model, x FROM s;
INSERT INTO quoted (k, v) SELECT model, x FROM s;
CREATE SINK twice WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', key = 'model, MODEL');
INSERT INTO twice SELECT model, x FROM s;
CREATE SINK same_column WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', key = 'Model, "model"');
INSERT INTO same_column SELECT model, x FROM s;
CREATE SINK no_list WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', key = 'model x');
CREATE SINK secret WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', key = secret('K'));
