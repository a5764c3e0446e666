CREATE SOURCE s (a TEXT) WITH (connector = 'kafak', topic = 't');
SELECT * FROM s;
