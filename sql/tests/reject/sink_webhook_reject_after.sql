CREATE SINK k WITH (connector = 'webhook', url = 'https://example.com/', reject_after = 'soon');
