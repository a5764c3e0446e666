CREATE SINK k WITH (connector = 'slack', url = secret('U'), on_ambigous = 'drop');
