CREATE SINK k WITH (connector = 'webhook', url = 'https://[::1]:70000/hook');
