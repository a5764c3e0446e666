CREATE TEMPORARY TABLE `requests` (
  `model` STRING,
  `ts` TIMESTAMP(3),
  WATERMARK FOR `ts` AS `ts` - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'requests');
CREATE TEMP VIEW `v` AS SELECT `model` FROM `requests`;
