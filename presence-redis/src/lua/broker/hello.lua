-- Checks whether the server accepts scripts.
return 'OK'
