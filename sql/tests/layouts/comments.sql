select a, -- first
  b -- second
  , c -- third
  , d
from s; -- behind
-- own line
select a from s -- tail
; -- behind the semicolon
select a /* x */ , b from s where a = 1 -- c1
and b = 2 -- c2
or c = 3; /* block behind */ select 1 as one from s;
create source s ( a text -- the a
 , b bigint -- the b
 , ts timestamp
 , watermark for ts as ts ) with ( connector = 'kafka' -- which
 , topic = 't' );
select a from s where x in (1, -- one
 2 -- two
 , 3);
select a -- x
, -- y
b /* z */ , /* w */ c from s;;
; -- alone
insert into k select a from s where a = ';' -- not; the end
 and b = '-- no comment' ; /* first */ -- second
create sink k with (connector = 'file', -- kind
path = 'a;b.jsonl') -- last
;
select /* in */ a, 'x
, y' as t -- of two lines
, "n -- o" from s -- end
