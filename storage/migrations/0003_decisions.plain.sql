-- forecast is partitioned by day on plain PostgreSQL; nothing else differs.
SELECT 1;
