SELECT create_hypertable('forecast', by_range('issued_at', INTERVAL '1 day'));
