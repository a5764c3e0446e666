CREATE SINK k WITH (connector = 'webhook', url = secret('U'), allow_private = 'maybe');
