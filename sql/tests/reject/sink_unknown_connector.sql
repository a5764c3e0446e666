CREATE SINK k WITH (connector = 'slak', url = 'https://x');
