"""Starting and stopping: settings, the private database and broker, the processes and the one who watches over them."""
