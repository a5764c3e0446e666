CREATE SINK k WITH (connector = 'file');
