CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', topic = 't');
SELECT * FROM s;
