# What the machine has to have: interpreters, the libraries that mysqlclient is built with, PostgreSQL, MariaDB, Redis,
# and a browser.
# What is there is used as it is; what is missing is installed, and what is down is started.

# Puts the interpreters of the given versions on the PATH; those given last come first.
find_interpreters() {
    local version folder
    for version in "$@"; do
        if folder=$(interpreter_folder "$version"); then
            export PATH="$folder:$PATH"
            echo "Python $version: $folder"
        elif [[ $version == 3.12 ]]; then
            echo "Python $version is missing: its environments are SKIPPED"
        else
            echo "Python $version is missing, and has to be tested" >&2
            return 1
        fi
    done
}

interpreter_folder() {
    local pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv} candidate
    for candidate in "$pyenv/versions/$1"*/bin/python"$1" "$(command -v "python$1")"; do
        # A shim of pyenv exists also for versions that are not switched on, so it has to answer.
        if [[ -x $candidate ]] && "$candidate" -c '' 2>/dev/null; then
            dirname "$candidate"
            return
        fi
    done
    return 1
}

prepare_machine() {
    prepare_mysql_library
    prepare_postgresql
    prepare_mariadb
    prepare_redis
    prepare_chromium
}

APT_IS_FRESH=

install_packages() {
    echo "Installing $*"
    export DEBIAN_FRONTEND=noninteractive
    if [[ -z $APT_IS_FRESH ]]; then
        apt-get update -qq
        APT_IS_FRESH=1
    fi
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

prepare_mysql_library() {
    if ! { command -v gcc && command -v pkg-config && pkg-config --exists mysqlclient; } >/dev/null; then
        install_packages default-libmysqlclient-dev gcc libc6-dev pkg-config
    fi
}

prepare_postgresql() {
    local installed_here=
    if answers 5432; then
        echo "PostgreSQL runs"
        return
    fi
    if [[ -z $(ls /etc/postgresql 2>/dev/null) ]]; then
        install_packages postgresql
        installed_here=1
    fi
    local version
    version=$(find /etc/postgresql -mindepth 1 -maxdepth 1 -printf "%f\n" | sort --version-sort | tail -1)
    if [[ $installed_here ]]; then
        sed -i '1i host all postgres 127.0.0.1/32 trust' "/etc/postgresql/$version/main/pg_hba.conf"
        pg_ctlcluster --skip-systemctl-redirect "$version" main stop 2>/dev/null || true
    fi
    pg_ctlcluster --skip-systemctl-redirect "$version" main start
    wait_for PostgreSQL 5432
}

prepare_mariadb() {
    local installed_here=
    if answers 3306; then
        echo "MariaDB runs"
        return
    fi
    if [[ ! -x /usr/sbin/mariadbd ]]; then
        install_packages mariadb-server
        installed_here=1
    fi
    install --directory --owner mysql --group mysql /run/mysqld
    start-stop-daemon --start --oknodo --background --exec /usr/sbin/mariadbd -- --user=mysql
    wait_for MariaDB 3306
    if [[ $installed_here ]]; then
        mariadb --execute "
            ALTER USER root@localhost IDENTIFIED BY '';
            CREATE USER IF NOT EXISTS root@127.0.0.1 IDENTIFIED BY '';
            GRANT ALL PRIVILEGES ON *.* TO root@127.0.0.1 WITH GRANT OPTION;"
    fi
}

prepare_redis() {
    if answers 6379; then
        echo "Redis runs"
        return
    fi
    if ! command -v redis-server >/dev/null; then
        install_packages redis-server
    fi
    redis-server --daemonize yes --bind 127.0.0.1 --port 6379 --save "" --appendonly no --dir /tmp >/dev/null
    wait_for Redis 6379
}

prepare_chromium() {
    if [[ ! -x /usr/bin/chromium ]]; then
        install_packages chromium fonts-dejavu-core
    fi
    # The wrapper that Debian starts it by prints warnings in front of the version.
    echo "Browser: $(/usr/bin/chromium --version 2>/dev/null | tail -1)"
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

wait_for() {
    for _ in {1..60}; do
        if answers "$2"; then
            echo "$1 started"
            return
        fi
        sleep 1
    done
    echo "$1 does not answer on port $2 a minute after its start" >&2
    return 1
}
