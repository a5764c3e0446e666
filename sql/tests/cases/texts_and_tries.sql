CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
/* One comment /* inside of another */ and its end. */
SELECT trim(model) AS a, trim(LEADING 'g' FROM model) AS b, trim(TRAILING 'o' FROM model) AS c, trim(BOTH 'go' FROM model) AS d,
  trim(model, 'g') AS e, ltrim(model) AS f, rtrim(model, '4o') AS g, btrim(model) AS h, split_part(model, '/', 2) AS i, trim(model)
FROM requests WHERE model LIKE '100!%' ESCAPE '!' AND model NOT LIKE model ESCAPE '#' AND model LIKE 'a\_b' ESCAPE '\';
SELECT TRY_CAST(model AS BIGINT) AS a, TRY_CAST(latency_ms AS BIGINT) AS b, TRY_CAST(tokens AS TEXT) AS c, TRY_CAST('5' AS DOUBLE) AS d,
  model::CHARACTER VARYING AS e
FROM requests;
