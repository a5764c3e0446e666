CREATE SOURCE s (a TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 'p');
SELECT a FROM s WHERE a = env('STAGE');
SELECT Env('STAGE', 'dev') AS stage FROM s;
SELECT count(*) AS n FROM TUMBLE(s, ts, env('SIZE')) GROUP BY window_end;
SELECT a || secret('TOKEN') AS a FROM s;
SELECT env(a) AS a FROM s;
