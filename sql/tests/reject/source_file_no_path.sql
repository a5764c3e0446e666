CREATE SOURCE s (a TEXT) WITH (connector = 'file');
SELECT * FROM s;
