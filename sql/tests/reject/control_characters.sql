CREATE SOURCE s (x BIGINT) WITH (connector = 'file', path = 'e.jsonl');
SELECT "[31mred
x" FROM s;
SELECT x FROM "‮red";
