CREATE SINK k WITH (connector = 'webhook', url = 'https:///hook');
