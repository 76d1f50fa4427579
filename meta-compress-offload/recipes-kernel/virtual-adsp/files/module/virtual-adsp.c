// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual ADSP: the APR bus of a Qualcomm audio DSP on a character device
 *
 * On a board the APR packets of the QDSP6 drivers travel over GLINK to the DSP.
 * Here they go to whoever has /dev/virtual-adsp open, so that a program can play
 * the DSP under the real drivers. This module knows nothing of audio: it carries
 * packets, and copies the memory that the drivers share with the DSP.
 *
 * Device tree: a node compatible with "offload,virtual-adsp" that holds the "apr"
 * node of the board.
 */

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/iopoll.h>
#include <linux/kprobes.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/rpmsg.h>
#include <linux/slab.h>
#include <linux/soc/qcom/apr.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "virtual-adsp.h"

/* Packets that may wait for the DSP; the drivers have one or two in flight. */
#define MAX_QUEUED	256

/* As q6asm-dai does: the low bits of the stream ID, above a 32-bit address. */
#define SID_MASK	0xf
#define SID_SHIFT	32

/*
 * What an rpmsg backend must provide. The originals are private to drivers/rpmsg
 * (rpmsg_internal.h), so the leading members are declared again here.
 */
struct rpmsg_device_ops {
	struct rpmsg_device *(*create_channel)(struct rpmsg_device *rpdev,
					       struct rpmsg_channel_info *info);
	int (*release_channel)(struct rpmsg_device *rpdev,
			       struct rpmsg_channel_info *info);
	struct rpmsg_endpoint *(*create_ept)(struct rpmsg_device *rpdev,
					     rpmsg_rx_cb_t cb, void *priv,
					     struct rpmsg_channel_info info);
	int (*announce_create)(struct rpmsg_device *rpdev);
	int (*announce_destroy)(struct rpmsg_device *rpdev);
};

struct rpmsg_endpoint_ops {
	void (*destroy_ept)(struct rpmsg_endpoint *ept);
	int (*send)(struct rpmsg_endpoint *ept, void *data, int len);
	int (*sendto)(struct rpmsg_endpoint *ept, void *data, int len, u32 dst);
	int (*send_offchannel)(struct rpmsg_endpoint *ept, u32 src, u32 dst,
			       void *data, int len);
	int (*trysend)(struct rpmsg_endpoint *ept, void *data, int len);
	int (*trysendto)(struct rpmsg_endpoint *ept, void *data, int len, u32 dst);
	int (*trysend_offchannel)(struct rpmsg_endpoint *ept, u32 src, u32 dst,
				  void *data, int len);
	__poll_t (*poll)(struct rpmsg_endpoint *ept, struct file *filp,
			 poll_table *wait);
	int (*set_flow_control)(struct rpmsg_endpoint *ept, bool pause, u32 dst);
	ssize_t (*get_mtu)(struct rpmsg_endpoint *ept);
};

enum adsp_state {
	ADSP_DOWN,	/* nobody has the device open */
	ADSP_UP,	/* open; the channel is registered or soon will be */
	ADSP_CRASHED,	/* closed; the channel is still to be unregistered */
};

/**
 * struct adsp - one virtual ADSP
 * @dev: the platform device
 * @misc: the character device
 * @apr: device tree node of the APR channel
 * @refcount: one for the platform device, one for the open file
 * @state_lock: guards @state and @gone
 * @state: see enum adsp_state
 * @gone: the platform device was unbound
 * @work: makes the channel follow @state. Registering probes drivers, which send
 *	packets that the opener has to answer, so open() can't do it itself.
 * @channel: the registered channel, touched by @work and after its end only
 * @rx_lock: guards @ept, and holds off its end during a callback
 * @ept: the endpoint that takes packets from the DSP
 * @tx_lock: guards what follows; taken with interrupts off
 * @connected: packets can be sent to the DSP
 * @spoken: the driver behind @ept has sent its first packet
 * @queue: packets to the DSP
 * @queued: how many
 * @readable: waits for @queue
 * @mem_lock: one copy of shared memory at a time; guards what follows
 * @sharer: device tree node of those who are refused memory, or NULL
 * @refusal: what refuses it
 */
struct adsp {
	struct device *dev;
	struct miscdevice misc;
	struct device_node *apr;
	struct kref refcount;

	struct mutex state_lock;
	enum adsp_state state;
	bool gone;
	struct work_struct work;
	struct rpmsg_device *channel;

	struct mutex rx_lock;
	struct rpmsg_endpoint *ept;

	spinlock_t tx_lock;
	bool connected;
	bool spoken;
	struct list_head queue;
	unsigned int queued;
	wait_queue_head_t readable;

	struct mutex mem_lock;
	struct device_node *sharer;
	struct kprobe refusal;
};

struct adsp_packet {
	struct list_head node;
	size_t length;
	u8 data[] __counted_by(length);
};

/* The rpmsg device, and its only endpoint. Both may outlive the struct adsp's use of them. */
struct adsp_channel {
	struct rpmsg_device rpdev;
	struct adsp *adsp;
};

struct adsp_endpoint {
	struct rpmsg_endpoint ept;
	struct adsp *adsp;
};

static void adsp_free(struct kref *refcount)
{
	struct adsp *adsp = container_of(refcount, struct adsp, refcount);

	of_node_put(adsp->apr);
	put_device(adsp->dev);
	kfree(adsp);
}

static void adsp_put(struct adsp *adsp)
{
	kref_put(&adsp->refcount, adsp_free);
}

/* Packets from the kernel to the DSP */

static void adsp_disconnect(struct adsp *adsp)
{
	struct adsp_packet *packet, *next;
	LIST_HEAD(dropped);

	scoped_guard(spinlock_irqsave, &adsp->tx_lock) {
		adsp->connected = false;
		adsp->spoken = false;
		list_splice_init(&adsp->queue, &dropped);
		adsp->queued = 0;
	}

	list_for_each_entry_safe(packet, next, &dropped, node)
		kfree(packet);
}

/* May be called with interrupts off: apr_send_pkt() does. */
static int adsp_send(struct rpmsg_endpoint *ept, void *data, int len)
{
	struct adsp *adsp = container_of(ept, struct adsp_endpoint, ept)->adsp;
	struct adsp_packet *packet;

	if (len <= 0 || len > VIRTUAL_ADSP_MAX_PACKET)
		return -EMSGSIZE;

	packet = kmalloc(struct_size(packet, data, len), GFP_ATOMIC);
	if (!packet)
		return -ENOMEM;
	packet->length = len;
	memcpy(packet->data, data, len);

	scoped_guard(spinlock_irqsave, &adsp->tx_lock) {
		if (!adsp->connected) {
			kfree(packet);
			return -ENODEV;
		}
		if (adsp->queued >= MAX_QUEUED) {
			kfree(packet);
			return -ENOMEM;
		}
		adsp->spoken = true;
		list_add_tail(&packet->node, &adsp->queue);
		adsp->queued++;
	}
	wake_up_interruptible(&adsp->readable);

	return 0;
}

/* The channel */

static void adsp_destroy_ept(struct rpmsg_endpoint *ept)
{
	struct adsp_endpoint *end = container_of(ept, struct adsp_endpoint, ept);

	scoped_guard(mutex, &end->adsp->rx_lock)
		if (end->adsp->ept == ept)
			end->adsp->ept = NULL;

	adsp_put(end->adsp);
	kfree(end);
}

static const struct rpmsg_endpoint_ops adsp_endpoint_ops = {
	.destroy_ept = adsp_destroy_ept,
	.send = adsp_send,
	.trysend = adsp_send,
};

static struct rpmsg_endpoint *adsp_create_ept(struct rpmsg_device *rpdev,
					      rpmsg_rx_cb_t cb, void *priv,
					      struct rpmsg_channel_info info)
{
	struct adsp *adsp = container_of(rpdev, struct adsp_channel, rpdev)->adsp;
	struct adsp_endpoint *end;

	end = kzalloc(sizeof(*end), GFP_KERNEL);
	if (!end)
		return NULL;

	kref_get(&adsp->refcount);
	end->adsp = adsp;
	kref_init(&end->ept.refcount);
	mutex_init(&end->ept.cb_lock);
	end->ept.rpdev = rpdev;
	end->ept.cb = cb;
	end->ept.priv = priv;
	end->ept.addr = info.src;
	end->ept.ops = &adsp_endpoint_ops;

	scoped_guard(spinlock_irqsave, &adsp->tx_lock)
		adsp->spoken = false;
	scoped_guard(mutex, &adsp->rx_lock)
		adsp->ept = &end->ept;

	return &end->ept;
}

/* From here on the driver of the channel takes itself apart: no more callbacks. */
static int adsp_announce_destroy(struct rpmsg_device *rpdev)
{
	struct adsp *adsp = container_of(rpdev, struct adsp_channel, rpdev)->adsp;

	guard(mutex)(&adsp->rx_lock);
	adsp->ept = NULL;

	return 0;
}

static const struct rpmsg_device_ops adsp_channel_ops = {
	.create_ept = adsp_create_ept,
	.announce_destroy = adsp_announce_destroy,
};

static void adsp_channel_release(struct device *dev)
{
	struct rpmsg_device *rpdev = container_of(dev, struct rpmsg_device, dev);
	struct adsp_channel *channel = container_of(rpdev, struct adsp_channel, rpdev);

	of_node_put(dev->of_node);
	adsp_put(channel->adsp);
	kfree(channel);
}

static void adsp_register(struct adsp *adsp)
{
	struct adsp_channel *channel;
	struct rpmsg_device *rpdev;
	int ret;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL);
	if (!channel)
		return;

	kref_get(&adsp->refcount);
	channel->adsp = adsp;

	rpdev = &channel->rpdev;
	strscpy(rpdev->id.name, "apr_audio_svc");
	rpdev->src = RPMSG_ADDR_ANY;
	rpdev->dst = RPMSG_ADDR_ANY;
	rpdev->ops = &adsp_channel_ops;
	rpdev->dev.parent = adsp->dev;
	rpdev->dev.of_node = of_node_get(adsp->apr);
	rpdev->dev.release = adsp_channel_release;

	ret = rpmsg_register_device(rpdev);
	if (ret)	/* and the core has released it */
		dev_err(adsp->dev, "cannot register the APR channel: %d\n", ret);
	else
		adsp->channel = rpdev;
}

static void adsp_unregister(struct adsp *adsp)
{
	if (!adsp->channel)
		return;

	device_unregister(&adsp->channel->dev);
	adsp->channel = NULL;
}

static void adsp_work(struct work_struct *work)
{
	struct adsp *adsp = container_of(work, struct adsp, work);
	enum adsp_state state;

	scoped_guard(mutex, &adsp->state_lock)
		state = adsp->state;

	if (state == ADSP_UP && !adsp->channel)
		adsp_register(adsp);
	else if (state == ADSP_CRASHED)
		adsp_unregister(adsp);

	/* Closed again in the meantime: then this work is already queued once more. */
	scoped_guard(mutex, &adsp->state_lock)
		if (state == ADSP_CRASHED)
			adsp->state = ADSP_DOWN;
}

/* Shared memory */

/*
 * The device tree node for whose device the drivers allocate what they share with
 * the DSP, with a reference, or NULL.
 */
static struct device_node *adsp_memory_node(struct adsp *adsp)
{
	for_each_child_of_node_scoped(adsp->apr, service) {
		struct device_node *dais;

		dais = of_get_compatible_child(service, "qcom,q6asm-dais");
		if (dais)
			return dais;
	}

	return NULL;
}

/* Its device, with a reference, or NULL. */
static struct platform_device *adsp_memory_device(struct adsp *adsp)
{
	struct device_node *dais __free(device_node) = adsp_memory_node(adsp);

	return dais ? of_find_device_by_node(dais) : NULL;
}

/* The page of RAM behind an address of the DSP, or NULL. */
static struct page *adsp_page(struct device *dev, u64 address)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct of_phandle_args args;
	phys_addr_t phys = address;

	if (domain) {
		u64 sid = 0;

		if (!of_parse_phandle_with_fixed_args(dev->of_node, "iommus", 1, 0, &args)) {
			sid = args.args[0] & SID_MASK;
			of_node_put(args.np);
		}
		if (address >> SID_SHIFT != sid)
			return NULL;
		phys = iommu_iova_to_phys(domain, lower_32_bits(address));
	}

	if (!phys || !page_is_ram(PHYS_PFN(phys)) || !pfn_valid(PHYS_PFN(phys)))
		return NULL;

	return pfn_to_page(PHYS_PFN(phys));
}

static int adsp_copy_pages(struct device *dev, const struct virtual_adsp_mem *mem, bool write)
{
	u8 __user *buffer = u64_to_user_ptr(mem->buffer);
	size_t done, part;

	for (done = 0; done < mem->length; done += part) {
		u64 address = mem->address + done;
		struct page *page = adsp_page(dev, address);
		unsigned long left;
		u8 *data;

		if (!page)
			return -EFAULT;

		part = min_t(size_t, mem->length - done, PAGE_SIZE - offset_in_page(address));
		data = kmap_local_page(page);
		if (write)
			left = copy_from_user(data + offset_in_page(address), buffer + done, part);
		else
			left = copy_to_user(buffer + done, data + offset_in_page(address), part);
		kunmap_local(data);
		if (left)
			return -EFAULT;

		cond_resched();
	}

	return 0;
}

static int adsp_copy(struct adsp *adsp, const struct virtual_adsp_mem *mem, bool write)
{
	struct platform_device *pdev;
	bool locked;
	int ret;

	if (!mem->length || mem->length > VIRTUAL_ADSP_MAX_MEM || mem->reserved ||
	    mem->address + mem->length < mem->address)
		return -EINVAL;

	guard(mutex)(&adsp->mem_lock);

	pdev = adsp_memory_device(adsp);
	if (!pdev)
		return -ENODEV;

	/*
	 * While the device is locked and bound, its IOMMU domain stays. Unbinding
	 * holds this lock and may wait for an answer of the DSP, who waits here:
	 * so not for long.
	 */
	ret = read_poll_timeout(device_trylock, locked, locked, 100, 20000, false, &pdev->dev);
	if (ret) {
		ret = -ENODEV;
	} else {
		ret = pdev->dev.driver ? adsp_copy_pages(&pdev->dev, mem, write) : -ENODEV;
		device_unlock(&pdev->dev);
	}
	put_device(&pdev->dev);

	return ret;
}

/* Instead of dma_alloc_attrs(), whose first argument is the device. */
static int adsp_allocate_nothing(struct kprobe *refusal, struct pt_regs *regs)
{
	struct adsp *adsp = container_of(refusal, struct adsp, refusal);
	struct device *dev = (struct device *)regs_get_kernel_argument(regs, 0);

	if (dev->of_node != adsp->sharer)
		return 0;

	regs_set_return_value(regs, 0);
	instruction_pointer_set(regs, procedure_link_pointer(regs));

	return 1;
}

static int adsp_refuse_mem(struct adsp *adsp, bool refuse)
{
	int ret = 0;

	guard(mutex)(&adsp->mem_lock);

	if (refuse == !!adsp->sharer)
		return 0;

	if (refuse) {
		adsp->sharer = adsp_memory_node(adsp);
		if (!adsp->sharer)
			return -ENODEV;
		adsp->refusal = (struct kprobe) {
			.symbol_name = "dma_alloc_attrs",
			.pre_handler = adsp_allocate_nothing,
		};
		ret = register_kprobe(&adsp->refusal);
	} else {
		unregister_kprobe(&adsp->refusal);
	}

	if (!refuse || ret) {
		of_node_put(adsp->sharer);
		adsp->sharer = NULL;
	}

	return ret;
}

/* The character device */

static int adsp_open(struct inode *inode, struct file *file)
{
	struct adsp *adsp = container_of(file->private_data, struct adsp, misc);

	/* Without an IOMMU the DSP reaches all memory. */
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;

	guard(mutex)(&adsp->state_lock);
	if (adsp->gone)
		return -ENODEV;
	if (adsp->state != ADSP_DOWN)
		return -EBUSY;

	kref_get(&adsp->refcount);
	file->private_data = adsp;
	adsp->state = ADSP_UP;
	scoped_guard(spinlock_irqsave, &adsp->tx_lock)
		adsp->connected = true;
	schedule_work(&adsp->work);

	return stream_open(inode, file);
}

static int adsp_release(struct inode *inode, struct file *file)
{
	struct adsp *adsp = file->private_data;

	/* Drivers that still send get an error at once, instead of a time-out. */
	adsp_disconnect(adsp);
	adsp_refuse_mem(adsp, false);

	/*
	 * The channel goes in the background: its drivers wait until everyone has
	 * closed the sound card.
	 */
	scoped_guard(mutex, &adsp->state_lock) {
		adsp->state = ADSP_CRASHED;
		if (!adsp->gone)
			schedule_work(&adsp->work);
	}
	adsp_put(adsp);

	return 0;
}

static ssize_t adsp_read(struct file *file, char __user *buffer, size_t count, loff_t *offset)
{
	struct adsp *adsp = file->private_data;
	struct adsp_packet *packet;
	ssize_t ret;

	for (;;) {
		scoped_guard(spinlock_irqsave, &adsp->tx_lock) {
			packet = list_first_entry_or_null(&adsp->queue, struct adsp_packet, node);
			if (packet && packet->length > count)
				return -EMSGSIZE;
			if (packet) {
				list_del(&packet->node);
				adsp->queued--;
			}
		}
		if (packet)
			break;
		if (READ_ONCE(adsp->gone))
			return -ENODEV;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(adsp->readable, !list_empty(&adsp->queue) ||
					       READ_ONCE(adsp->gone));
		if (ret)
			return ret;
	}

	ret = copy_to_user(buffer, packet->data, packet->length) ? -EFAULT : packet->length;
	kfree(packet);

	return ret;
}

static ssize_t adsp_write(struct file *file, const char __user *buffer, size_t count,
			  loff_t *offset)
{
	struct adsp *adsp = file->private_data;
	struct rpmsg_endpoint *ept;
	void *data;
	int ret;

	if (count < APR_HDR_SIZE || count > VIRTUAL_ADSP_MAX_PACKET)
		return -EINVAL;

	data = memdup_user(buffer, count);
	if (IS_ERR(data))
		return PTR_ERR(data);

	/*
	 * The endpoint exists before its driver can take a packet, but the driver
	 * sends nothing before that: so the DSP may answer, not speak first.
	 */
	scoped_guard(mutex, &adsp->rx_lock) {
		ept = adsp->ept;
		if (!ept || !READ_ONCE(adsp->spoken))
			ret = -ENOTCONN;
		else
			ret = ept->cb(ept->rpdev, data, count, ept->priv, RPMSG_ADDR_ANY);
	}
	kfree(data);

	return ret ? ret : count;
}

static __poll_t adsp_poll(struct file *file, poll_table *wait)
{
	struct adsp *adsp = file->private_data;
	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &adsp->readable, wait);

	if (!list_empty(&adsp->queue))
		events |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(adsp->gone))
		events |= EPOLLERR | EPOLLHUP;

	return events;
}

static long adsp_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct adsp *adsp = file->private_data;
	struct virtual_adsp_mem mem;

	if (command == VIRTUAL_ADSP_REFUSE_MEM)
		return argument > 1 ? -EINVAL : adsp_refuse_mem(adsp, argument);
	if (command != VIRTUAL_ADSP_READ_MEM && command != VIRTUAL_ADSP_WRITE_MEM)
		return -ENOTTY;
	if (copy_from_user(&mem, (void __user *)argument, sizeof(mem)))
		return -EFAULT;

	return adsp_copy(adsp, &mem, command == VIRTUAL_ADSP_WRITE_MEM);
}

static const struct file_operations adsp_fops = {
	.owner = THIS_MODULE,
	.open = adsp_open,
	.release = adsp_release,
	.read = adsp_read,
	.write = adsp_write,
	.poll = adsp_poll,
	.unlocked_ioctl = adsp_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* The platform device */

static int adsp_probe(struct platform_device *pdev)
{
	struct adsp *adsp;
	int ret;

	adsp = kzalloc(sizeof(*adsp), GFP_KERNEL);
	if (!adsp)
		return -ENOMEM;

	kref_init(&adsp->refcount);
	adsp->dev = get_device(&pdev->dev);
	mutex_init(&adsp->state_lock);
	mutex_init(&adsp->rx_lock);
	mutex_init(&adsp->mem_lock);
	spin_lock_init(&adsp->tx_lock);
	INIT_LIST_HEAD(&adsp->queue);
	init_waitqueue_head(&adsp->readable);
	INIT_WORK(&adsp->work, adsp_work);

	adsp->apr = of_get_child_by_name(pdev->dev.of_node, "apr");
	if (!adsp->apr) {
		ret = dev_err_probe(&pdev->dev, -EINVAL, "no apr node\n");
		goto put;
	}

	adsp->misc.minor = MISC_DYNAMIC_MINOR;
	adsp->misc.name = "virtual-adsp";
	adsp->misc.fops = &adsp_fops;
	adsp->misc.parent = &pdev->dev;
	adsp->misc.mode = 0600;
	platform_set_drvdata(pdev, adsp);

	ret = misc_register(&adsp->misc);
	if (ret)
		goto put;

	return 0;

put:
	adsp_put(adsp);
	return ret;
}

static void adsp_remove(struct platform_device *pdev)
{
	struct adsp *adsp = platform_get_drvdata(pdev);

	misc_deregister(&adsp->misc);
	scoped_guard(mutex, &adsp->state_lock)
		WRITE_ONCE(adsp->gone, true);
	wake_up_interruptible(&adsp->readable);

	adsp_disconnect(adsp);
	cancel_work_sync(&adsp->work);
	adsp_unregister(adsp);
	adsp_put(adsp);
}

static const struct of_device_id adsp_of_match[] = {
	{ .compatible = "offload,virtual-adsp" },
	{ }
};
MODULE_DEVICE_TABLE(of, adsp_of_match);

static struct platform_driver adsp_driver = {
	.probe = adsp_probe,
	.remove = adsp_remove,
	.driver = {
		.name = "virtual-adsp",
		.of_match_table = adsp_of_match,
	},
};
module_platform_driver(adsp_driver);

MODULE_DESCRIPTION("Virtual ADSP: the APR bus on a character device");
MODULE_AUTHOR("Compress Offload Maintainers <maintainers@users.noreply.r-seed-3bad3d19.example>");
MODULE_LICENSE("GPL");
