CREATE SINK k WITH (connector = 'webhook', url = 'https://me:secret@example.com/hook');
