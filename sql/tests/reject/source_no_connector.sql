CREATE SOURCE s (a TEXT) WITH (topic = 't');
SELECT * FROM s;
