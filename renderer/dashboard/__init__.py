"""What reviewers see and say, without a web server: the page inside Airflow and the command line both ask here."""
