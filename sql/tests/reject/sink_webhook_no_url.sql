CREATE SINK k WITH (connector = 'webhook');
