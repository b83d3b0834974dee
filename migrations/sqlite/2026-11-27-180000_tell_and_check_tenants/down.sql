DROP TRIGGER workers_check_tenant;
DROP TRIGGER workers_check_new_tenant;
