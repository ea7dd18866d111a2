"""Submissions that reach for what is not theirs. Each prints a word if it gets hold of it.

Their answers are right: what they look for is not worth more than what they have.
"""

from tests.hostile import ESCAPED, case

FOUND = f"print('{ESCAPED[:3]}' + '{ESCAPED[3:]}'"


@case()
def reads_masters_and_answers(notebook, folder):
    """Looks for the masters, answers and hidden tests beside labkit."""
    return notebook.before(
        "double",
        f"""
        import pathlib, labkit
        root = pathlib.Path(labkit.__file__).parent.parent
        for name in ("autograder/course", "autograder/judge", "tests", "solutions", "README.md"):
            if (root / name).exists():
                {FOUND}, name)
        """,
    )


@case()
def reads_other_submissions(notebook, folder):
    """Walks the whole file system for notebooks and gradebooks."""
    return notebook.before(
        "double",
        f"""
        import os
        for top in ("/home", "/root", "/tmp", "/work", "/var", "/mnt", "/srv", "/opt", "/dev/shm"):
            for path, _, files in os.walk(top):
                for file in files:
                    if file.endswith((".ipynb", "gradebook.db", "outcome.json")):
                        if "site-packages" not in path:
                            {FOUND}, path, file)
        """,
    )


@case()
def reads_the_home(notebook, folder):
    """Lists the home, and reads the keys in it."""
    return notebook.before(
        "double",
        f"""
        import os, pathlib
        if os.listdir(os.path.expanduser("~")) != []:
            {FOUND}, os.listdir(os.path.expanduser("~")))
        for name in (".ssh", ".netrc", ".bash_history", ".jupyter", ".ipython", ".cache"):
            for home in ("/root", "/home/*"):
                for path in pathlib.Path("/").glob(f"{{home[1:]}}/{{name}}"):
                    {FOUND}, path)
        """,
    )


@case()
def reads_etc_shadow(notebook, folder):
    """Reads the system's secrets."""
    return notebook.before(
        "double",
        f"""
        import os
        for name in ("shadow", "sudoers", "ssh", "hostname", "machine-id", "krb5.keytab"):
            if os.path.exists(f"/etc/{{name}}"):
                {FOUND}, name)
        """,
    )


@case()
def reads_proc(notebook, folder):
    """Looks at other processes: their command lines, environments, files and memory."""
    return notebook.before(
        "double",
        f"""
        import os, pathlib
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes()
                if b"autograder.grade" in line or b"pytest" in line or b"forkserver" in line:
                    {FOUND}, line)
                if int(entry.name) > 64 and int(entry.name) not in (os.getpid(), os.getppid()):
                    {FOUND}, line)
                os.listdir(f"/proc/{{entry.name}}/root/work")
                os.listdir(f"/proc/{{entry.name}}/root/etc/shadow")
                {FOUND}, entry)
            except OSError:
                pass
        """,
    )


@case()
def reads_the_environment(notebook, folder):
    """Looks for what the grader's environment tells."""
    return notebook.before(
        "double",
        f"""
        import os
        for name in os.environ:
            if any(word in name for word in ("TOKEN", "SECRET", "KEY", "PASS", "SSH", "PYTEST")):
                {FOUND}, name)
        """,
    )


@case()
def writes_outside(notebook, folder):
    """Writes to the environment, to labkit and to the system."""
    return notebook.before(
        "double",
        f"""
        import os, sys, pathlib, labkit, numpy
        for place in (
            pathlib.Path(labkit.__file__).parent, pathlib.Path(numpy.__file__).parent,
            pathlib.Path(sys.prefix), pathlib.Path("/usr/bin"), pathlib.Path("/etc"),
            pathlib.Path("/"), pathlib.Path("/dev"), pathlib.Path("/var/tmp"), pathlib.Path("/run"),
        ):
            try:
                (place / "written").write_text("x")
                {FOUND}, place)
            except OSError:
                pass
        """,
    )


@case()
def connects_to_the_network(notebook, folder):
    """Opens connections to addresses, names and the host."""
    return notebook.before(
        "double",
        f"""
        import socket
        for host in ("1.1.1.1", "8.8.8.8", "169.254.169.254", "10.0.0.1", "192.168.0.1"):
            try:
                address = socket.create_connection((host, 53), timeout=1)
                {FOUND}, address)
            except OSError:
                pass
        try:
            {FOUND}, socket.gethostbyname("example.com"))
        except OSError:
            pass
        if [name for _, name in socket.if_nameindex() if name != "lo"]:
            {FOUND}, socket.if_nameindex())
        """,
    )


@case()
def connects_to_the_host(notebook, folder):
    """Tries every listening port of the host's loopback, and abstract sockets."""
    return notebook.before(
        "double",
        f"""
        import socket
        for port in (22, 80, 111, 631, 5432, 6379, 8080, 8786, 8787, 8888):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=0.2)
                {FOUND}, port)
            except OSError:
                pass
        for line in open("/proc/net/unix").read().splitlines()[1:]:
            if "@" in line:
                {FOUND}, line)
        """,
    )


@case()
def its_own_loopback_works(notebook, folder):
    """Serves and connects on loopback, as split parties do; that is allowed."""
    return notebook.before(
        "double",
        """
        import socket
        server = socket.create_server(("localhost", 0))
        client = socket.create_connection(server.getsockname())
        """,
    )


@case()
def finds_other_kernels(notebook, folder):
    """Looks for other kernels' connection files, keys and sockets, and for the pool's."""
    return notebook.before(
        "double",
        f"""
        import glob, os, stat
        for path in glob.glob("/tmp/lab-*") + glob.glob("/tmp/*/pool") + glob.glob("/run/**/*"):
            {FOUND}, path)
        for top, folders, files in os.walk("/tmp"):
            for name in files:
                if stat.S_ISSOCK(os.lstat(os.path.join(top, name)).st_mode):
                    {FOUND}, top, name)
        """,
    )


@case(flags=["called into the C library"])
def becomes_root(notebook, folder):
    """Asks for capabilities, namespaces, mounts and other users."""
    return notebook.before(
        "double",
        f"""
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        for attempt in (
            lambda: os.setuid(0), lambda: os.chroot("/tmp"), lambda: os.mknod("/tmp/x", 0o60666, 0),
            lambda: os.setgroups([0]), lambda: os.sethostname(b"x") if hasattr(os, "sethostname")
            else os.chroot("/"),
        ):
            try:
                attempt()
                {FOUND}, attempt)
            except OSError:
                pass
        if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
            {FOUND}, "mount")
        if libc.umount2(b"/tmp", 2) == 0:
            {FOUND}, "umount")
        if libc.unshare(0x10000000) == 0 and libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
            {FOUND}, "user namespace")
        status = open("/proc/self/status").read()
        if "CapEff:\\t0000000000000000" not in status or "NoNewPrivs:\\t1" not in status:
            {FOUND}, status)
        """,
    )


@case()
def raises_its_limits(notebook, folder):
    """Raises its own limits."""
    return notebook.before(
        "double",
        f"""
        import resource
        for what in (resource.RLIMIT_CPU, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
            try:
                resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                {FOUND}, what)
            except (OSError, ValueError):
                pass
        """,
    )


@case(flags=None)
def leaves_links_behind(notebook, folder):
    """Puts links to other sockets where its own were made."""
    return notebook.before(
        "length",
        f"""
        import os, socket
        for fd in range(3, 100):
            try:
                name = socket.socket(fileno=os.dup(fd)).getsockname()
            except OSError:
                continue
            if isinstance(name, str) and name:
                try:
                    os.unlink(name)
                    {FOUND}, name)
                except OSError:
                    pass
                os.makedirs(os.path.dirname(name), exist_ok=True)
                if not os.path.lexists(name + "-1"):
                    os.symlink("/run/docker.sock", name + "-1")
        """,
    )


@case(flags=None)
def finds_a_place_on_the_disk(notebook, folder):
    """Looks for a mounted folder that is not its own and can be written to, and for its devices."""
    return notebook.before(
        "double",
        f"""
        for line in open("/proc/self/mountinfo"):
            place, options, kind = line.split()[4], line.split()[5], line.split(" - ")[1].split()[0]
            if options.startswith("rw") and kind not in ("tmpfs", "proc", "devpts"):
                if not (place.startswith("/dev/") and kind == "devtmpfs"):
                    {FOUND}, line)
        """,
    )


@case(flags=None)
def enters_another_control_group(notebook, folder):
    """Looks for a way to the files of its control group, through what it or its parent has open."""
    return notebook.before(
        "double",
        f"""
        import glob, os
        for fd in glob.glob("/proc/[0-9]*/fd/*"):
            try:
                if "cgroup" in os.readlink(fd):
                    {FOUND}, fd)
            except OSError:
                pass
        if glob.glob("/sys/fs/cgroup/*"):
            {FOUND}, "cgroup")
        """,
    )


@case()
def uses_git_and_a_compiler(notebook, folder):
    """Runs programs; that is allowed, and leads nowhere."""
    return notebook.before(
        "double",
        f"""
        import subprocess
        run = subprocess.run("id -u; ls /root/.ssh; cat /etc/shadow; find / -name '*.ipynb' "
            "-not -path '*/site-packages/*' -not -path '/usr/*' -not -path '/proc/*' 2>/dev/null",
            shell=True, capture_output=True, text=True)
        if run.stdout.split()[0] == "0" or "root:" in run.stdout or ".ipynb" in run.stdout:
            {FOUND}, run.stdout)
        """,
    )
