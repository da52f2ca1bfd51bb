-- Asks whether scripts are taken at all.
return 'OK'
