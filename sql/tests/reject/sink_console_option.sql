CREATE SINK k WITH (connector = 'console', color = 'red');
