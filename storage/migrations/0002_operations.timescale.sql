SELECT create_hypertable('unit_position', by_range('phenomenon_time', INTERVAL '1 day'));
ALTER TABLE unit_position SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'unit_id',
    timescaledb.orderby = 'phenomenon_time DESC'
);
CALL add_columnstore_policy('unit_position', after => INTERVAL '3 days');
