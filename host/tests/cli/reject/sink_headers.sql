CREATE SOURCE s (a TEXT) WITH (connector = 'file', path = 'p');
CREATE SINK a WITH (connector = 'webhook', url = secret('U'), headers = ("X-Team" = 'ml', "X-Key" = '{secret:KEY}'));
CREATE SINK b WITH (connector = 'webhook', url = secret('U'), headers = ("Proxy-Authorization" = 'Basic ' || secret('KEY')));
CREATE SINK c WITH (connector = 'webhook', url = secret('U'), headers = ("webhook-signature" = 'v1,a'));
