CREATE SINK k WITH (connector = 'webhook', url = 'https://example.com/a b');
