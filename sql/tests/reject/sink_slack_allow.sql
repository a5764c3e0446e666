CREATE SINK k WITH (connector = 'slack', url = secret('U'), allow_private = 'yes');
