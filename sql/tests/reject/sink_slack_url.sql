CREATE SINK k WITH (connector = 'slack', url = 'hooks.slack.com/x');
