CREATE SINK k WITH (connector = 'slack', url = secret('U'), channel = '#alerts');
