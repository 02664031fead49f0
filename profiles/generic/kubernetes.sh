# How to talk to Kubernetes: export ACTIVEZOO_SCHEDULER=profiles/generic/kubernetes.sh
# Jobs run in an image of this project (Dockerfile). A volume that all pods can write to has the project folder.
# Start Snakemake in a pod of the same image, with the same volume at the same place; it takes `kubectl`.

# Adapt these: the image, the claim of the volume, and where the volume is mounted.
image=activezoo:0.2
claim=activezoo
mount=/project

# Queue a script and print the job's id, nothing else.
submit() {
    name=$1 threads=$2 memory_mb=$3 runtime_min=$4 gpus=$5 script=$6
    # Kubernetes does not try again, for Snakemake does, with more memory. The time counts from the start of the pod.
    kubectl create --output 'jsonpath={.metadata.name}' --filename - <<EOF
apiVersion: batch/v1
kind: Job
metadata:
  generateName: activezoo-
  annotations: {activezoo/step: "$name"}
spec:
  backoffLimit: 0
  ttlSecondsAfterFinished: 86400
  template:
    spec:
      restartPolicy: Never
      activeDeadlineSeconds: $((runtime_min * 60))
      securityContext: {runAsUser: $(id -u), runAsGroup: $(id -g), fsGroup: $(id -g)}
      containers:
        - name: step
          image: "$image"
          command: [/bin/sh, "$script"]
          workingDir: "$PWD"
          env:
            - {name: HOME, value: /tmp}
            - {name: ACTIVEZOO_GPUS_OF_A_JOB, value: "${ACTIVEZOO_GPUS_OF_A_JOB:-1}"}
          resources:
            requests: {cpu: $threads, memory: ${memory_mb}M, nvidia.com/gpu: $gpus}
            limits: {memory: ${memory_mb}M, nvidia.com/gpu: $gpus}
          volumeMounts: [{name: project, mountPath: "$mount"}]
      volumes: [{name: project, persistentVolumeClaim: {claimName: "$claim"}}]
EOF
}

# Print `running` (also for a job that waits), `success` or `failed` (also for a job that somebody deleted).
status() {
    counts='jsonpath={.kind}/{.status.succeeded}/{.status.failed}'
    # A cluster that does not answer is asked again later.
    case $(kubectl get job "$1" --ignore-not-found --output "$counts" || echo Job//) in
    Job/1/*) echo success ;;
    Job//) echo running ;;
    *) echo failed ;;
    esac
}

# End jobs, given their ids.
cancel() {
    kubectl delete job --ignore-not-found --wait=false "$@"
}
