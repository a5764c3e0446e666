CREATE SINK k WITH (connector = 'prometheus', prefix = '1-x');
