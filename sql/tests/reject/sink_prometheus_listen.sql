CREATE SINK k WITH (connector = 'prometheus', listen = 'here');
