CREATE SINK k WITH (connector = 'webhook', url = secret('U'), signing_secret = 'whsec_AAAA');
