CREATE SINK k WITH (connector = 'slack', url = 'https://example.com/', reject_after = '-1 s');
